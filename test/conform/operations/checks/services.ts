import type { Reply } from '../../../clients/reference-client.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/other'] }, Action: ['sts:AssumeRole'] }],
})
const ALLOW = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::*' }] })

/** A call of IAM, STS or SNS, which Ceph answers where it answers S3. */
async function call(
  t: Trial,
  service: string,
  parameters: Readonly<Record<string, string>>,
  from: 'body' | 'query' = 'body',
): Promise<Reply | undefined> {
  const version = service === 'sts' ? '2011-06-15' : service === 'sns' ? '2010-03-31' : '2010-05-08'
  const query = { ...parameters, Version: version }
  const form = {
    body: Buffer.from(new URLSearchParams(query).toString()),
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
  }
  return t.may(t.send({ method: 'POST', path: '/', service, ...(from === 'body' ? form : { query }) }))
}

const calls =
  (service: string, ...all: readonly Readonly<Record<string, string>>[]): Check =>
  async (t) => {
    for (const parameters of all) {
      await call(t, service, parameters)
      await call(t, service, parameters, 'query')
    }
  }

/** What a policy of the user allows or denies counts at the next read, warm or not. */
const userPolicy: Check = async (t) => {
  await t.s3.putObject({ ...t.at(), Body: 'mine' })
  await t.look()
  const deny = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 's3:PutObject', Resource: '*' }] })
  const of = { UserName: 'hotbucket', PolicyName: 'conform' }
  await call(t, 'iam', { Action: 'PutUserPolicy', ...of, PolicyDocument: deny })
  await call(t, 'iam', { Action: 'GetUserPolicy', ...of })
  await call(t, 'iam', { Action: 'ListUserPolicies', UserName: 'hotbucket' })
  await t.may(t.s3.putObject({ ...t.at(), Body: 'denied' }))
  await t.look()
  await call(t, 'iam', { Action: 'DeleteUserPolicy', ...of })
  await t.may(t.s3.putObject({ ...t.at(), Body: 'allowed again' }))
  await t.look()
}

/** A topic is deleted by the name that its maker gave it, so that the next run finds none. */
const topics: Check = async (t) => {
  await call(t, 'sns', { Action: 'ListTopics' })
  for (const from of ['body', 'query'] as const) {
    const made = await call(t, 'sns', { Action: 'CreateTopic', Name: 'conform' }, from)
    const name = /<TopicArn>(.*?)<\/TopicArn>/.exec(made?.body.toString() ?? '')?.[1] ?? 'arn:aws:sns:default::conform'
    await call(t, 'sns', { Action: 'DeleteTopic', TopicArn: name }, from)
  }
  await call(t, 'sns', { Action: 'NoSuchAction' })
  await call(t, 'sns', { Action: 'NoSuchAction' }, 'query')
}

export const serviceChecks: CheckGroup = {
  name: 'services',
  checks: {
    'users of IAM': calls('iam', { Action: 'GetUser' }, { Action: 'ListUsers' }, { Action: 'GetUser', UserName: 'nobody' }),
    'roles of IAM': calls(
      'iam',
      { Action: 'ListRoles' },
      { Action: 'CreateRole', RoleName: 'conform', AssumeRolePolicyDocument: TRUST },
      { Action: 'GetRole', RoleName: 'conform' },
      { Action: 'PutRolePolicy', RoleName: 'conform', PolicyName: 'all', PolicyDocument: ALLOW },
      { Action: 'DeleteRolePolicy', RoleName: 'conform', PolicyName: 'all' },
      { Action: 'DeleteRole', RoleName: 'conform' },
    ),
    'a policy of the user': userPolicy,
    'tokens of STS': calls(
      'sts',
      { Action: 'GetSessionToken' },
      { Action: 'AssumeRole', RoleArn: 'arn:aws:iam:::role/none', RoleSessionName: 'conform' },
      { Action: 'GetCallerIdentity' },
    ),
    'topics of SNS': topics,
    'usage of the service': async (t) => {
      for (const query of [{ usage: '' }, { 'max-buckets': '2' }, { prefix: 'hotbucket-conform-none' }, { 'max-buckets': 'two' }])
        t.note(`${(await t.raw.send({ method: 'GET', path: '/', query })).status}`)
    },
    'an S3 request in the scope of another service': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'x' })
      await t.s3.getObject(t.at())
      for (const service of ['iam', 'sts', 'ec2']) await t.may(t.send({ method: 'GET', path: t.path(), service }))
      for (const service of ['iam', 'ec2']) await t.may(t.send({ method: 'PUT', path: t.path(), service, body: Buffer.from('changed') }))
      await t.look()
    },
  },
}
