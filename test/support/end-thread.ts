interface WorkerEvent {
  readonly method?: string
  readonly params?: { readonly sessionId: string; readonly workerInfo?: { readonly title: string } }
}

/**
 * Runs an expression on the thread of that name in another process, and resolves when the thread has ended of it: through Node's inspector,
 * with which that process was started (`--inspect=127.0.0.1:0`), so that nothing of the program itself is there for it.
 * `output`: what the process has printed, the inspector's address among it.
 */
export async function endThread(output: string, thread: string, expression: string): Promise<void> {
  const url = /ws:\/\/\S+/.exec(output)?.[0]
  if (url === undefined) throw new Error(`Cannot find the inspector's address in:\n${output}`)
  const socket = new WebSocket(url)
  const gone = Promise.withResolvers<void>()
  let session: string | undefined
  let lastId = 0
  const send = (method: string, params: object): void => socket.send(JSON.stringify({ id: ++lastId, method, params }))
  socket.addEventListener('error', () => gone.reject(new Error(`Cannot talk to ${url}`)))
  socket.addEventListener('open', () => send('NodeWorker.enable', { waitForDebuggerOnStart: false }))
  socket.addEventListener('message', ({ data }) => {
    const { method, params } = JSON.parse(String(data)) as WorkerEvent
    if (method === 'NodeWorker.attachedToWorker' && params?.workerInfo?.title.includes(thread) === true) {
      session = params.sessionId
      const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } })
      send('NodeWorker.sendMessageToWorker', { sessionId: session, message })
    }
    if (method === 'NodeWorker.detachedFromWorker' && params?.sessionId === session) gone.resolve()
  })
  await gone.promise
  // A process does not end while an inspector is connected.
  socket.close()
}
