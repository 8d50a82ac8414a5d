import type { Findings, Inquiry } from './inquire.ts'
import type { MeterNote } from './meters.ts'

/** The other workers, as far as a gateway needs them. */
export interface Peers {
  /** Asks the worker that owns the object. Rejects with what its question failed with. */
  ask(worker: number, inquiry: Inquiry): Promise<Findings>
  /** Tells the worker on which a request came in what that request has cost. */
  charge(worker: number, note: MeterNote): void
}

/** For a worker that is alone. */
export const NO_PEERS: Peers = {
  ask: async () => {
    throw new Error('Cannot ask another worker: there is none')
  },
  charge: () => undefined,
}
