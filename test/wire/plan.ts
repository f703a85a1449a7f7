import fc from 'fast-check'

/** What the tenant does with one request. */
export interface Script {
  delayMs: number
  /** Sent before the answer (RFC 9110, section 15.2): nothing, or so many of one status. */
  interim: { status: 100 | 102 | 103, count: number } | undefined
  status: number
  json: boolean
  framing: 'length' | 'chunked' | 'close'
  bytes: number
  /** What few send with chunks: extensions and trailers (RFC 9112, section 7.1). */
  odd: boolean
  /** The answer leaves in so many pieces, with pauses between them. */
  pieces: number
  pauseMs: number
  /** `cut` and `reset` end in the middle of the answer, `short` sends less than it announced, `extra` more; `mute` never answers. */
  fault: 'none' | 'cut' | 'reset' | 'short' | 'extra' | 'mute' | 'reset at once'
  /** Answers before it has read the request's body. */
  early: boolean
}

/** What the tenant does with a handshake: a refusal is what the script says. */
export interface Engine {
  accepts: boolean
  frames: number
  frameBytes: number
  /** What it does once it has sent its frames; with `stays` it answers a close frame. */
  then: 'stays' | 'closes' | 'half' | 'reset' | 'mute'
}

export type Request =
  | { kind: 'read', method: 'GET' | 'HEAD', anonymous: boolean, upgrade: '' | 'h2c', script: Script }
  | {
    kind: 'write'
    method: 'POST' | 'PUT'
    json: boolean
    bytes: number
    chunked: boolean
    odd: boolean
    expects: boolean
    script: Script
  }
  | { kind: 'probe', path: string, bytes: number }
  | { kind: 'bad', bytes: string }
  | { kind: 'socket', frames: number, frameBytes: number, closes: boolean, engine: Engine, script: Script }

export interface Connection {
  requests: Request[]
  /** Where what is sent is cut, in thousandths of it, and how long the client waits before the piece behind. */
  cuts: { at: number, pauseMs: number }[]
  /** After how many thousandths of it the client stops sending; 1,000 sends all. */
  until: number
  /** What it does then: it waits for its answers, or it does not. */
  ending: 'waits' | 'half' | 'reset' | 'leaves'
  /** How many bytes it reads before it stops reading; and for how long, where it goes on. */
  reading: { stopsAfter: number, forMs: number | undefined } | undefined
}

/** One client: its session, if it has one, and all that it does. */
export interface Plan {
  session: 'none' | 'fresh' | 'due' | 'over'
  renewal: { delayMs: number, outcome: 'granted' | 'fails' | 'reset' | 'refused' }
  connections: Connection[]
  signsOutAfterMs: number | undefined
}

const size = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.constantFrom(0, 20_000, 70_000, 300_000))
const pause = fc.constantFrom(0, 0, 1, 20, 60)

const script: fc.Arbitrary<Script> = fc.record({
  delayMs: fc.constantFrom(0, 0, 5, 40, 120),
  interim: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.record({ status: fc.constantFrom(100, 102, 103), count: fc.constantFrom(1, 1, 3, 200) }) }
  ),
  status: fc.constantFrom(200, 200, 200, 201, 304, 401, 403, 413, 503),
  json: fc.boolean(),
  framing: fc.constantFrom('length', 'chunked', 'close'),
  bytes: size,
  odd: fc.constantFrom(false, false, true),
  pieces: fc.integer({ min: 1, max: 4 }),
  pauseMs: pause,
  fault: fc.oneof(
    { weight: 3, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constantFrom('cut', 'reset', 'short', 'extra', 'mute', 'reset at once') }
  ),
  early: fc.boolean()
})

const engine: fc.Arbitrary<Engine> = fc.record({
  accepts: fc.constantFrom(true, true, false),
  frames: fc.integer({ min: 0, max: 5 }),
  frameBytes: size,
  then: fc.constantFrom('stays', 'closes', 'half', 'reset', 'mute')
})

const badRequests = [
  'GET / HTTP/1.1\r\n\r\n',
  'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  'GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n',
  'POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00',
  'HELO\r\n'
]

const read = fc.record({
  kind: fc.constant('read'),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  anonymous: fc.boolean(),
  upgrade: fc.constantFrom('', '', '', 'h2c'),
  script
})

const write = fc.record({
  kind: fc.constant('write'),
  method: fc.constantFrom('POST', 'PUT'),
  json: fc.boolean(),
  bytes: fc.oneof(size, fc.constant(300_000)),
  chunked: fc.boolean(),
  odd: fc.boolean(),
  expects: fc.constantFrom(false, false, false, true),
  script
})

const socket = fc.record({
  kind: fc.constant('socket'),
  frames: fc.integer({ min: 0, max: 4 }),
  frameBytes: size,
  closes: fc.boolean(),
  engine,
  script
})

const request: fc.Arbitrary<Request> = fc.oneof(
  { weight: 6, arbitrary: read },
  { weight: 3, arbitrary: write },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('probe'),
      path: fc.constantFrom('/healthz', '/../x', '/api/%zz'),
      bytes: fc.constantFrom(0, 0, 70_000)
    })
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bad'), bytes: fc.constantFrom(...badRequests) }) },
  { weight: 3, arbitrary: socket }
)

const any: fc.Arbitrary<Connection> = fc.record({
  // What follows a handshake are bytes of its socket.
  requests: fc
    .array(request, { minLength: 1, maxLength: 5 })
    .map(list => list.slice(0, list.findIndex(({ kind }) => kind === 'socket') + 1 || undefined)),
  cuts: fc.array(fc.record({ at: fc.integer({ min: 0, max: 1_000 }), pauseMs: pause }), { maxLength: 6 }),
  until: fc.oneof({ weight: 6, arbitrary: fc.constant(1_000) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 999 }) }),
  ending: fc.oneof({ weight: 6, arbitrary: fc.constant('waits') }, { weight: 3, arbitrary: fc.constantFrom('half', 'reset', 'leaves') }),
  reading: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.record({ stopsAfter: size, forMs: fc.constantFrom(undefined, 100, 400) }) }
  )
})

// What follows is rare in what is planned at random.

/** All of some requests, with these pauses between pieces of them, and then one of these endings. */
const sendAll = (requests: fc.Arbitrary<Request[]>, cuts: Connection['cuts'], endings: Connection['ending'][]): fc.Arbitrary<Connection> =>
  fc.record({
    requests,
    cuts: fc.constant(cuts),
    until: fc.constant(1_000),
    ending: fc.constantFrom(...endings),
    reading: fc.constant(undefined)
  })

const asked = (given: Partial<Script>): fc.Arbitrary<Request> =>
  script.map(other => ({ kind: 'read', method: 'GET', anonymous: true, upgrade: '', script: { ...other, ...given } }))

/** Answers, and bodies that nobody wants, behind a request that is never answered; and a client that leaves. */
const pile = sendAll(
  fc
    .tuple(
      asked({ fault: 'mute' }),
      fc.array(
        fc.oneof(
          asked({ fault: 'none', status: 200, delayMs: 0, pauseMs: 0, bytes: 70_000 }),
          fc.constant<Request>({ kind: 'probe', path: '/healthz', bytes: 70_000 })
        ),
        { minLength: 2, maxLength: 4 }
      )
    )
    .map(([silent, others]) => [silent, ...others]),
  [{ at: 900, pauseMs: 60 }],
  ['half', 'reset', 'leaves']
)

/** A client that is still sending when the tenant breaks off, and goes on. */
const interrupted = sendAll(
  fc
    .tuple(write, fc.constantFrom<Script['fault']>('reset at once', 'reset', 'cut'), read)
    .map(([sent, fault, next]) => [
      { ...sent, bytes: 300_000, expects: false, script: { ...sent.script, fault, early: true, delayMs: 0 } },
      next
    ]),
  [{ at: 300, pauseMs: 60 }],
  ['waits']
)

const connection = fc.oneof(
  { weight: 20, arbitrary: any },
  { weight: 1, arbitrary: pile },
  { weight: 1, arbitrary: interrupted }
)

/** Everything that one client and the tenant do. A smaller one is one with less of it. */
export const plans: fc.Arbitrary<Plan> = fc.record({
  session: fc.constantFrom('none', 'fresh', 'fresh', 'due', 'over'),
  renewal: fc.record({
    delayMs: fc.constantFrom(0, 50, 200),
    outcome: fc.constantFrom('granted', 'granted', 'granted', 'fails', 'reset', 'refused')
  }),
  connections: fc.array(connection, { minLength: 1, maxLength: 3 }),
  signsOutAfterMs: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(0, 30, 150) })
})
