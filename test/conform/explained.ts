/** A difference that is meant, or that cannot be helped; each stands in docs/semantics.md too. */
export interface ExplainedDifference {
  /** Names of checks, with their suite in front. */
  readonly check: RegExp
  /** Names of the origins where it shows; everywhere where absent. */
  readonly origin?: RegExp
  readonly why: string
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
  { check: /^wire: no Host$/, why: 'RFC 9112 section 3.2 wants 400' },
]
