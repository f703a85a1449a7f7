/**
 * An access token of the sandbox, which is a JWT of more than 300 characters. Its first letters alone, `eyJ`, would now and then be found
 * in sealed text, by chance.
 */
export const accessToken = /eyJ[\w-]{20,}\.[\w-]{100,}\.[\w-]{40,}/
