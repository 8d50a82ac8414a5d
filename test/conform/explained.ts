/** A difference that is meant, or that cannot be helped; each stands in docs/semantics.md too. */
export interface ExplainedDifference {
  /** Names of checks, with their suite in front. */
  readonly check: RegExp
  /** Names of the origins where it shows; everywhere where absent. */
  readonly origin?: RegExp
  readonly why: string
}

/**
 * What of a line in a transcript is compared. moto puts fields of its own on 304, 412 and 416, which hotbucket answers itself for what
 * is cached, with those of RFC 9110; there the status and the error count.
 */
export function comparable(line: string, origin: string): string {
  return origin.startsWith('moto') ? line.replace(/^([\w ]+: (?:304|412|416)) \[[^\]]*\]/, '$1') : line
}

export const EXPLAINED: readonly ExplainedDifference[] = [
  {
    check: /^keys: (unreserved|reserved) bytes encoded and not$|^keys: a (slash|plus) encoded and not$/,
    why: 'a signature over the path as it was sent is taken beside one over its canonical form',
  },
  {
    check:
      /^keys: an escape that is none$|^keys: bytes that are no UTF-8$|^keys: a key of 1,024 bytes and one more$|^buckets: names that are not allowed$/,
    why: "addresses that can be no object's are refused before the signature is looked at, with AWS's codes",
  },
  { check: /^presigned: GET with checksum mode in the query$/, why: 'parameters of presigned URLs are read as AWS reads them' },
  {
    check: /^presigned: PUT with an? (un)?signed type$/,
    origin: /^Ceph/,
    why: 'a Content-Type that a presigned URL does not sign is taken, as by AWS; the origin gets it signed',
  },
  { check: /^buckets: a directory bucket session$/, why: 'sessions belong to one signing key at the origin' },
  {
    check:
      /^conditions: (GET|HEAD) if-match its ETag, if-unmodified-since Sat|^conditions: .* if-modified-since same|^conditions: HEAD if-(none-)?match [0-9a-f]{32}/,
    origin: /^moto/,
    why: 'moto does not follow the order of RFC 9110 section 13.2.2, and takes ETags without quotes in some places only',
  },
  { check: /^ranges: "bytes=-\d+" of an empty object/, origin: /^moto/, why: 'the last bytes of nothing are 416, as at AWS and Ceph' },
  {
    check: /^response overrides: /,
    origin: /^moto/,
    why: 'moto overrides nothing in answers to HEAD, and writes values in another encoding',
  },
  {
    check:
      /^wire: PUT with(out a| an \w+| a \w+) length$|^fields: .* with (no|an empty|a negative) Content-Length$|^fields: .* with a Content-Length (that is no number|with a sign)$/,
    origin: /^moto/,
    why: 'moto takes bodies whose length is missing or no number',
  },
  {
    check: /^fields: .* that is unreadable$/,
    origin: /^moto/,
    why: 'moto takes control characters in fields, which RFC 9110 section 5.5 forbids',
  },
  {
    check: /^fields: .* by version 2 with /,
    origin: /^moto/,
    why: 'moto takes a signature of version 2 with four slashes in it for a scope of version 4, of a service that there is not: 500 or not, by chance',
  },
  { check: /^races: three writers$/, origin: /^moto/, why: 'moto answers 500 to writers of one object at a time, some of them, by chance' },
  { check: /^wire: (two requests in one write|a HEAD keeps the connection)$/, origin: /^moto/, why: 'moto closes every connection' },
  {
    check: /^checksums: a copy that adds a checksum$|^multipart: (with checksums|lib-storage)/,
    origin: /^moto/,
    why: 'checksums of a whole object are not shown with a part of it, nor without what they cover, which moto does not tell by HEAD',
  },
  {
    check: /^access: an anonymous list of buckets$|^refusals: the service with a POST$/,
    origin: /^moto/,
    why: 'moto has one account, so this lists what other checks have made',
  },
  {
    check: /^fields: PUT of an object with no Content-Length$/,
    origin: /^Ceph/,
    why: 'an object without a length is refused, as by AWS, and not taken for an empty one',
  },
  {
    check: /^fields: GET of an object with a Content-MD5 that is no base64$/,
    origin: /^Ceph/,
    why: 'a read has no body, so fields about one are not looked at, if the signature holds',
  },
  {
    check: /^forms: without a boundary$/,
    origin: /^Ceph/,
    why: "a form that cannot be read is refused with AWS's code",
  },
  { check: /^PostObject_should_ignore_anything_after_file$/, why: 'anything after the file is refused: origins differ in what they take' },
  { check: /^wire: no Host$/, why: 'RFC 9112 section 3.2 wants 400' },
]
