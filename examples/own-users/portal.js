// A small application with users of its own: hashed passwords, and sessions that it can end. It knows nothing of Qlik
// but how to say who its user is.
import { generateKeyPairSync, randomBytes, randomUUID, scryptSync, timingSafeEqual } from 'node:crypto'
import { SignJWT } from 'jose'

// The passwords are public, as everything of this example: they are printed when it starts.
export const people = [
  { name: 'carol', password: 'carol-portal', fullName: 'Carol Clark', email: 'carol@example.com', groups: ['EMEA'] },
  { name: 'dave', password: 'dave-portal', fullName: 'Dave Dean', email: 'dave@example.com', groups: ['Americas'] }
]

const cookieName = '__Host-portal'
const hash = (password, salt) => scryptSync(password, salt, 32)

const users = people.map(({ password, ...person }) => {
  const salt = randomBytes(16)
  return { ...person, salt, hash: hash(password, salt) }
})
const nobody = { salt: randomBytes(16), hash: randomBytes(32) }
const sessions = new Map()

/** The Set-Cookie line of a new session; undefined for a wrong name or password, which take equally long. */
export function signIn (name, password) {
  const user = users.find(known => known.name === name)
  const known = user ?? nobody
  if (!timingSafeEqual(hash(password, known.salt), known.hash) || user === undefined) return undefined
  const id = randomBytes(32).toString('base64url')
  sessions.set(id, user)
  return `${cookieName}=${id}; Path=/; Secure; HttpOnly; SameSite=Lax`
}

/** Ends the session in a Cookie header; the Set-Cookie line that drops it. */
export function signOut (cookies) {
  sessions.delete(idIn(cookies))
  return `${cookieName}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0`
}

/** The user of a Cookie header; undefined for nobody. */
export function userOf (cookies) {
  return sessions.get(idIn(cookies))
}

function idIn (cookies = '') {
  return cookies.split('; ').find(pair => pair.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1)
}

/** A user as the gateway takes them. */
export function describe ({ name, fullName, email, groups }) {
  return { subject: `portal|${name}`, name: fullName, email, groups }
}

export const issuer = 'https://portal.example'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
/** The public half of the key, in PEM: what the gateway verifies statements by. */
export const publicPem = publicKey.export({ type: 'spki', format: 'pem' })

/** A statement for the gateway who the user is: for two minutes, once. */
export async function state (user, audience) {
  const { subject, ...claims } = describe(user)
  return await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' })
    .setIssuer(issuer).setAudience(audience).setSubject(subject).setJti(randomUUID()).setIssuedAt().setExpirationTime('2 minutes')
    .sign(privateKey)
}

/** The form at /sign-in. */
export function renderSignIn (problem = '') {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Portal: sign in</title></head><body>
<main><h1>Portal</h1><p role="status">${problem}</p>
<form method="post" action="/sign-in">
<p><label>Name <input name="name" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<button>Sign in</button></form></main></body></html>`
}
