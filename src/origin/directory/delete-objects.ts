import { Refusal } from '../../s3/errors.ts'
import { MAX_KEY_BYTES } from '../../s3/address.ts'
import { MAX_DELETE_XML_BYTES, parseDeleteObjects } from '../../s3/request-xml.ts'
import type { XmlNode } from '../../s3/xml.ts'
import type { OriginResponse } from '../origin.ts'
import { xmlAnswer } from './answer.ts'
import type { DirectoryCall } from './call.ts'
import type { DirectoryStore } from './directory-store.ts'
import { refusalOfErrno } from './errno.ts'
import { receiveDocument } from './receive-body.ts'
import { removeObject } from './write-object.ts'

/** DeleteObjects: up to 1,000 keys; each succeeds or fails by itself. */
export async function deleteObjects(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, nowMs } = call
  await store.tree.requireBucket(bucket)
  const { quiet, objects } = parseDeleteObjects(await receiveDocument(call.request, MAX_DELETE_XML_BYTES))
  const results: XmlNode[] = []
  for (const { key, versionId, etag } of objects) {
    const keyNodes: XmlNode[] = [['Key', key], ...(versionId === undefined ? [] : [['VersionId', versionId] satisfies XmlNode])]
    try {
      if (key.length > MAX_KEY_BYTES) throw new Refusal('KeyTooLongError')
      await removeObject(store, { bucket, key, versionId, conditions: etag === undefined ? [] : ['if-match', etag], nowMs })
      if (!quiet) results.push(['Deleted', keyNodes])
    } catch (error) {
      const refusal = error instanceof Refusal ? error : refusalOfErrno(error)
      if (refusal === undefined) throw error
      results.push(['Error', [...keyNodes, ['Code', refusal.code], ['Message', refusal.message]]])
    }
  }
  return xmlAnswer(['DeleteResult', results])
}
