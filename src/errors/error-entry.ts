/** How an error is answered. `detail` says why and what to do; it never holds anything that a client or the tenant sent. */
export interface ErrorEntry {
  status: number
  title: string
  detail: string
}
