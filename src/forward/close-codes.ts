// Close codes of WebSockets (RFC 6455, section 7.4) that the gateway sends or reports.

/** After this code Qlik's clients resume their engine session by themselves. */
export const closeResumable = 4003

/** Qlik's own code for a login that has ended. */
export const closeLoginEnded = 4006

/** Reported for a WebSocket that ended without a close frame. It is never sent. */
export const closeLost = 1006
