/** A user of the sandbox, as the identity provider knows them. */
export interface Identity {
  /** User id in the tenant. */
  id: string
  /** Subject at the identity provider. */
  subject: string
  name: string
  email: string
  /** The password, which is public: the login page shows it. */
  password: string
  locale: string
  groups: string[]
}

/** An analyst who sees the EMEA rows. */
export const alice: Identity = {
  id: '66a1f0c2b7d94e3a5c8f1a01',
  subject: '00u1sandboxalice5d7',
  name: 'Alice Archer',
  email: 'alice@example.com',
  password: 'alice-sandbox',
  locale: 'en-US',
  groups: ['Analysts', 'EMEA']
}

/** An analyst who sees the Americas rows. */
export const bob: Identity = {
  id: '66a1f0c2b7d94e3a5c8f1b02',
  subject: '00u1sandboxbob00e82',
  name: 'Bob Baker',
  email: 'bob@example.com',
  password: 'bob-sandbox',
  locale: 'en-US',
  groups: ['Analysts', 'Americas']
}

/** Everyone who can sign in. */
export const identities: readonly Identity[] = [alice, bob]

/** Finds a user by e-mail address or its local part, subject or tenant id. */
export function findIdentity (name: string): Identity | undefined {
  const wanted = name.trim().toLowerCase()
  return identities.find(({ id, subject, email }) => [id, subject, email, email.split('@')[0]].includes(wanted))
}
