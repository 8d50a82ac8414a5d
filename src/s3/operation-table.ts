/** What a client needs a grant for. */
export type OperationAction = 'read' | 'write' | 'delete' | 'list' | 'admin'

/** What an operation may change at the origin, and so what may no longer be served from the cache. */
export type OperationEffect =
  | 'none'
  /** Body and metadata of the key in the address. */
  | 'object'
  /** The object in the address, and the key that the source header names. */
  | 'object-and-source'
  /** Metadata of the key in the address; the bytes stay. */
  | 'metadata'
  /** The keys that the request body lists. */
  | 'keys-in-body'
  /** The key that a form field of the request body names. */
  | 'key-in-form'
  /** Every key of the bucket: its bytes, its fields, or who may read it. */
  | 'bucket'
  /** Settings that change nothing of what a read answers. */
  | 'bucket-settings'

export interface OperationInfo {
  readonly level: 'service' | 'bucket' | 'object'
  readonly action: OperationAction
  readonly effect: OperationEffect
  /** Method and sub-resource that mean this operation, where those alone decide. */
  readonly route?: string
  /** Further query parameters that belong to it. */
  readonly also?: readonly string[]
}

const OF_VERSION = ['versionId']

/** Parameters with which a read of an object is still just that. */
const OF_READ = [
  'versionId',
  'partNumber',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
]

const OF_LIST = ['delimiter', 'encoding-type', 'max-keys', 'prefix']

/**
 * Every S3 operation under its name in the S3 API reference, and `Unknown…` for what is none of them. A write that has a key in its
 * address always has an effect on that key.
 */
export const OPERATIONS = {
  // Objects
  GetObject: { level: 'object', action: 'read', effect: 'none', route: 'GET', also: OF_READ },
  HeadObject: { level: 'object', action: 'read', effect: 'none', route: 'HEAD', also: OF_READ },
  GetObjectAcl: { level: 'object', action: 'read', effect: 'none', route: 'GET acl', also: OF_VERSION },
  GetObjectAnnotation: {
    level: 'object',
    action: 'read',
    effect: 'none',
    route: 'GET annotation',
    also: [...OF_VERSION, 'annotationName', 'annotation-prefix', 'continuation-token', 'max-annotation-results'],
  },
  ListObjectAnnotations: { level: 'object', action: 'read', effect: 'none' },
  GetObjectAttributes: { level: 'object', action: 'read', effect: 'none', route: 'GET attributes', also: OF_VERSION },
  GetObjectLegalHold: { level: 'object', action: 'read', effect: 'none', route: 'GET legal-hold', also: OF_VERSION },
  GetObjectRetention: { level: 'object', action: 'read', effect: 'none', route: 'GET retention', also: OF_VERSION },
  GetObjectTagging: { level: 'object', action: 'read', effect: 'none', route: 'GET tagging', also: OF_VERSION },
  GetObjectTorrent: { level: 'object', action: 'read', effect: 'none', route: 'GET torrent', also: OF_VERSION },
  SelectObjectContent: { level: 'object', action: 'read', effect: 'none', route: 'POST select', also: ['select-type'] },
  PutObject: { level: 'object', action: 'write', effect: 'object', route: 'PUT' },
  CopyObject: { level: 'object', action: 'write', effect: 'object' },
  RenameObject: { level: 'object', action: 'write', effect: 'object-and-source', route: 'PUT renameObject' },
  RestoreObject: { level: 'object', action: 'write', effect: 'object', route: 'POST restore', also: OF_VERSION },
  UpdateObjectEncryption: { level: 'object', action: 'write', effect: 'object', route: 'PUT encryption', also: OF_VERSION },
  PutObjectAcl: { level: 'object', action: 'admin', effect: 'metadata', route: 'PUT acl', also: OF_VERSION },
  PutObjectAnnotation: {
    level: 'object',
    action: 'write',
    effect: 'metadata',
    route: 'PUT annotation',
    also: [...OF_VERSION, 'annotationName'],
  },
  PutObjectLegalHold: { level: 'object', action: 'admin', effect: 'metadata', route: 'PUT legal-hold', also: OF_VERSION },
  PutObjectRetention: { level: 'object', action: 'admin', effect: 'metadata', route: 'PUT retention', also: OF_VERSION },
  PutObjectTagging: { level: 'object', action: 'write', effect: 'metadata', route: 'PUT tagging', also: OF_VERSION },
  DeleteObject: { level: 'object', action: 'delete', effect: 'object', route: 'DELETE', also: OF_VERSION },
  DeleteObjectAnnotation: {
    level: 'object',
    action: 'write',
    effect: 'metadata',
    route: 'DELETE annotation',
    also: [...OF_VERSION, 'annotationName'],
  },
  DeleteObjectTagging: { level: 'object', action: 'write', effect: 'metadata', route: 'DELETE tagging', also: OF_VERSION },

  // Multipart uploads; only completing one changes the object, the rest is treated like it because a needless miss is cheap
  CreateMultipartUpload: { level: 'object', action: 'write', effect: 'object', route: 'POST uploads' },
  UploadPart: { level: 'object', action: 'write', effect: 'object', route: 'PUT uploadId', also: ['partNumber'] },
  UploadPartCopy: { level: 'object', action: 'write', effect: 'object' },
  CompleteMultipartUpload: { level: 'object', action: 'write', effect: 'object', route: 'POST uploadId' },
  AbortMultipartUpload: { level: 'object', action: 'write', effect: 'object', route: 'DELETE uploadId' },
  ListParts: { level: 'object', action: 'list', effect: 'none', route: 'GET uploadId', also: ['max-parts', 'part-number-marker'] },

  // Objects, addressed through the bucket
  DeleteObjects: { level: 'bucket', action: 'delete', effect: 'keys-in-body', route: 'POST delete' },
  PostObject: { level: 'bucket', action: 'write', effect: 'key-in-form' },
  ListObjects: { level: 'bucket', action: 'list', effect: 'none', route: 'GET', also: [...OF_LIST, 'marker'] },
  ListObjectsV2: {
    level: 'bucket',
    action: 'list',
    effect: 'none',
    route: 'GET list-type',
    also: [...OF_LIST, 'continuation-token', 'fetch-owner', 'start-after'],
  },
  ListObjectVersions: {
    level: 'bucket',
    action: 'list',
    effect: 'none',
    route: 'GET versions',
    also: [...OF_LIST, 'key-marker', 'version-id-marker'],
  },
  ListMultipartUploads: {
    level: 'bucket',
    action: 'list',
    effect: 'none',
    route: 'GET uploads',
    also: [...OF_LIST, 'key-marker', 'max-uploads', 'upload-id-marker'],
  },

  // Buckets
  HeadBucket: { level: 'bucket', action: 'list', effect: 'none', route: 'HEAD' },
  GetBucketLocation: { level: 'bucket', action: 'list', effect: 'none', route: 'GET location' },
  GetBucketVersioning: { level: 'bucket', action: 'list', effect: 'none', route: 'GET versioning' },
  GetObjectLockConfiguration: { level: 'bucket', action: 'list', effect: 'none', route: 'GET object-lock' },
  CreateBucket: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT' },
  DeleteBucket: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'DELETE' },
  CreateSession: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET session' },
  PutBucketVersioning: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT versioning' },
  PutObjectLockConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT object-lock' },

  // Bucket settings
  GetBucketAbac: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET abac' },
  PutBucketAbac: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT abac' },
  GetBucketAccelerateConfiguration: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET accelerate' },
  PutBucketAccelerateConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT accelerate' },
  GetBucketAcl: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET acl' },
  PutBucketAcl: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT acl' },
  GetBucketCors: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET cors' },
  PutBucketCors: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT cors' },
  DeleteBucketCors: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE cors' },
  GetBucketEncryption: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET encryption' },
  PutBucketEncryption: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT encryption' },
  DeleteBucketEncryption: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE encryption' },
  // Reads of every object show when it will expire
  GetBucketLifecycleConfiguration: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET lifecycle' },
  PutBucketLifecycleConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT lifecycle' },
  DeleteBucketLifecycle: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'DELETE lifecycle' },
  GetBucketLogging: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET logging' },
  PutBucketLogging: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT logging' },
  GetBucketNotificationConfiguration: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET notification' },
  PutBucketNotificationConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT notification' },
  GetBucketOwnershipControls: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET ownershipControls' },
  PutBucketOwnershipControls: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT ownershipControls' },
  DeleteBucketOwnershipControls: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'DELETE ownershipControls' },
  GetBucketPolicy: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET policy' },
  PutBucketPolicy: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT policy' },
  DeleteBucketPolicy: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'DELETE policy' },
  GetBucketPolicyStatus: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET policyStatus' },
  GetPublicAccessBlock: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET publicAccessBlock' },
  PutPublicAccessBlock: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT publicAccessBlock' },
  DeletePublicAccessBlock: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'DELETE publicAccessBlock' },
  GetBucketReplication: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET replication' },
  PutBucketReplication: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT replication' },
  DeleteBucketReplication: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE replication' },
  GetBucketRequestPayment: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET requestPayment' },
  PutBucketRequestPayment: { level: 'bucket', action: 'admin', effect: 'bucket', route: 'PUT requestPayment' },
  GetBucketTagging: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET tagging' },
  PutBucketTagging: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT tagging' },
  DeleteBucketTagging: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE tagging' },
  GetBucketWebsite: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET website' },
  PutBucketWebsite: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT website' },
  DeleteBucketWebsite: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE website' },

  // Bucket settings of which there are several, told apart by an id
  GetBucketAnalyticsConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'none',
    route: 'GET analytics',
    also: ['id', 'continuation-token'],
  },
  ListBucketAnalyticsConfigurations: { level: 'bucket', action: 'admin', effect: 'none' },
  PutBucketAnalyticsConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT analytics', also: ['id'] },
  DeleteBucketAnalyticsConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'DELETE analytics',
    also: ['id'],
  },
  GetBucketIntelligentTieringConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'none',
    route: 'GET intelligent-tiering',
    also: ['id', 'continuation-token'],
  },
  ListBucketIntelligentTieringConfigurations: { level: 'bucket', action: 'admin', effect: 'none' },
  PutBucketIntelligentTieringConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'PUT intelligent-tiering',
    also: ['id'],
  },
  DeleteBucketIntelligentTieringConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'DELETE intelligent-tiering',
    also: ['id'],
  },
  GetBucketInventoryConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'none',
    route: 'GET inventory',
    also: ['id', 'continuation-token'],
  },
  ListBucketInventoryConfigurations: { level: 'bucket', action: 'admin', effect: 'none' },
  PutBucketInventoryConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT inventory', also: ['id'] },
  DeleteBucketInventoryConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'DELETE inventory',
    also: ['id'],
  },
  GetBucketMetricsConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'none',
    route: 'GET metrics',
    also: ['id', 'continuation-token'],
  },
  ListBucketMetricsConfigurations: { level: 'bucket', action: 'admin', effect: 'none' },
  PutBucketMetricsConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'PUT metrics', also: ['id'] },
  DeleteBucketMetricsConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE metrics', also: ['id'] },

  // S3 Metadata tables
  CreateBucketMetadataConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'POST metadataConfiguration' },
  GetBucketMetadataConfiguration: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET metadataConfiguration' },
  DeleteBucketMetadataConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE metadataConfiguration' },
  CreateBucketMetadataTableConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'POST metadataTable' },
  GetBucketMetadataTableConfiguration: { level: 'bucket', action: 'admin', effect: 'none', route: 'GET metadataTable' },
  DeleteBucketMetadataTableConfiguration: { level: 'bucket', action: 'admin', effect: 'bucket-settings', route: 'DELETE metadataTable' },
  UpdateBucketMetadataAnnotationTableConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'PUT metadataAnnotationTable',
  },
  UpdateBucketMetadataInventoryTableConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'PUT metadataInventoryTable',
  },
  UpdateBucketMetadataJournalTableConfiguration: {
    level: 'bucket',
    action: 'admin',
    effect: 'bucket-settings',
    route: 'PUT metadataJournalTable',
  },

  // The service
  ListBuckets: {
    level: 'service',
    action: 'list',
    effect: 'none',
    route: 'GET',
    also: ['bucket-region', 'continuation-token', 'max-buckets', 'max-directory-buckets', 'prefix'],
  },
  ListDirectoryBuckets: { level: 'service', action: 'list', effect: 'none' },
  WriteGetObjectResponse: { level: 'service', action: 'admin', effect: 'none' },

  // An unsigned question of a browser, about any level
  Preflight: { level: 'service', action: 'read', effect: 'none' },

  // Everything else. A read with an unknown parameter is still a read of that object; what else it may be, only an administrator may ask
  UnknownObjectRead: { level: 'object', action: 'read', effect: 'none' },
  UnknownObjectWrite: { level: 'object', action: 'admin', effect: 'object' },
  UnknownBucketRead: { level: 'bucket', action: 'admin', effect: 'none' },
  UnknownBucketWrite: { level: 'bucket', action: 'admin', effect: 'bucket' },
  UnknownServiceRead: { level: 'service', action: 'admin', effect: 'none' },
  UnknownServiceWrite: { level: 'service', action: 'admin', effect: 'none' },
} as const satisfies Readonly<Record<string, OperationInfo>>

export type Operation = keyof typeof OPERATIONS

/** What is known of an operation; the table's own types are too narrow to compare. */
export function operationInfo(operation: Operation): OperationInfo {
  return OPERATIONS[operation]
}
