import type { Route } from './routes.ts'

/** The page that lists what can be asked here. No scripts, no styles from elsewhere. */
export function renderIndexPage(routes: readonly Route[], version: string): string {
  const rows = routes.map(({ path, summary }) => `<li><a href="${escapeHtml(path)}">${escapeHtml(path)}</a> ${escapeHtml(summary)}</li>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>hotbucket admin</title>
<h1>hotbucket ${escapeHtml(version)}</h1>
<ul>
${rows.join('\n')}
</ul>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
