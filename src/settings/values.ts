import { z } from 'zod'
import { ClientKey } from '../credentials/client-key.js'

// The kinds of values that settings have, but for addresses. Each takes the text of a variable or the value that a program passes.
// Its messages say what is wrong and what would be right. They repeat no value, which could be a secret.

/** Reports a fault of the value that is being read. */
export function refuse ({ issues }: Pick<z.core.ParsePayload, 'issues'>, message: string): never {
  issues.push({ code: 'custom', message, input: undefined })
  return z.NEVER
}

/** How values are parsed: the kind of a value is told in words like those of the schemas, which zod would not choose. */
export const inOurWords: z.core.ParseContext<z.core.$ZodIssue> = {
  error ({ code, expected, path }) {
    if (code !== 'invalid_type' || expected !== 'string') return undefined
    return typeof path?.at(-1) === 'number'
      ? 'holds something that is not text: write each item in quotes'
      : 'is not text: write it in quotes, as one value'
  }
}

/** Text without white space. `what` completes the message "set it to …". */
export const word = (what: string) => z.string({ error: `is required: set it to ${what}` })
  .regex(/^[\u0021-\u007e]+$/, { error: `is empty or holds white space: set it to ${what}` })

/** A private key of a client, in PEM or as a JWK. */
export const clientKey = z.union([z.instanceof(ClientKey), z.string()], {
  error: 'is not a key: name a file that holds it, in PEM or as a JWK'
}).transform((value, context) => {
  try {
    return typeof value === 'string' ? new ClientKey(value) : value
  } catch (error) {
    return refuse(context, (error as Error).message)
  }
})

/** A list: an array, or text separated by commas or white space. `absent` is the message for anything else. */
export function list<Item extends z.ZodType> (item: Item, absent = 'is not a list') {
  return splitList(text => text.split(/[\s,]+/), item, absent)
}

/** A list whose items may hold white space: an array, or text separated by commas or line breaks. */
export function lines<Item extends z.ZodType> (item: Item) {
  return splitList(text => text.split(/[\n,]/).map(line => line.trim()), item, 'is not a list')
}

function splitList<Item extends z.ZodType> (split: (text: string) => string[], item: Item, absent: string) {
  return z.preprocess(value => typeof value === 'string' ? split(value).filter(Boolean) : value, z.array(item, { error: absent }))
}

/** A key of 32 bytes in base64. */
export const sessionKey = z.union([z.string(), z.instanceof(Buffer)], {
  error: 'holds something that is not a key: each must be 32 bytes in base64, as `openssl rand -base64 32` prints'
}).transform((value, context) => {
  const key = typeof value === 'string' ? Buffer.from(value, 'base64') : value
  if (key.length === 32) return key
  return refuse(context, `holds a key of ${key.length} bytes: each must be 32 bytes in base64, as \`openssl rand -base64 32\` prints`)
})

/** Headers as OpenTelemetry's variables spell them. */
export const headerPairs = z.string().transform((text, context) => {
  try {
    const pairs = text.split(',').filter(pair => pair.trim() !== '').map((pair): [string, string] => {
      const [, name = '', value = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) as RegExpExecArray
      return [name, decodeURIComponent(value.trim())]
    })
    return Object.fromEntries(new Headers(pairs))
  } catch {
    return refuse(context, 'holds something that is not a header: write them as name=value, percent-encoded, separated by commas')
  }
})

/** The id of an app as it stands in addresses. */
export const appId = z.string().regex(/^[\w.-]+$/, {
  error: 'holds something that is not the id of an app: copy it from the app\'s address, behind /app/'
})

/** Whole seconds, at least one. */
export const seconds = wholeNumber(1, 10 * 365 * 86_400, 'a number of whole seconds, 1 or more')

/** Whole seconds up to a day. A timer of Node's that is set to more than 24 days fires at once. */
export const timerSeconds = wholeNumber(1, 86_400, 'a number of whole seconds from 1 to 86400')

/** Yes or no. */
export const trueOrFalse = z.union([z.boolean(), z.enum(['true', 'false']).transform(value => value === 'true')], {
  error: 'is neither true nor false: use one of them'
})

/** A TCP port; 0 lets the system choose. */
export const portNumber = wholeNumber(0, 65535, 'a port number from 0 to 65535')

/** Permissions of a file in octal digits, as chmod takes them. */
export const fileMode = z.string({ error: 'is not a mode' })
  .regex(/^0?[0-7]{3}$/, { error: 'is not a mode: write it in octal digits, as 660' })

const notFraction = { error: 'is not a share: use a number from 0 to 1' }

/** A part of a whole, from 0 to 1. */
export const fraction = z.union([z.number(), z.string().regex(/^\d*\.?\d+$/).transform(Number)], notFraction)
  .refine(value => value >= 0 && value <= 1, notFraction)

/** How many of something there may be. */
export const limit = (most: number, least = 1) => wholeNumber(least, most, `a whole number from ${least} to ${most}`)

function wholeNumber (least: number, most: number, what: string) {
  return z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)], { error: `is not ${what}` })
    .refine(value => Number.isInteger(value) && value >= least && value <= most, { error: `is not ${what}` })
}
