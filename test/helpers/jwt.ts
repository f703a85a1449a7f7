/**
 * An access token of the sandbox, which is a JWT of more than 300 characters. Less would be found in what is sealed, now and then: each
 * three characters come by chance.
 */
export const accessToken = /eyJ[\w-]{20,}\.[\w-]{100,}\.[\w-]{40,}/
