import { identities } from '../identities.js'
import { escapeHtml, renderPage } from './page.js'

/** The login page of the Okta stand-in; it shows the passwords, because they protect nothing. */
export function renderLoginPage (failed?: { username: string }): string {
  const error = failed ? '<p class="error" role="alert" id="error">Unable to sign in: name or password is wrong. Try again.</p>' : ''
  const rows = identities.map(({ name, email, password, groups }) => `<tr><td>${escapeHtml(name)}<br><span class="quiet">${escapeHtml(groups.join(', '))}</span></td>
<td><code>${escapeHtml(email)}</code><br><code>${escapeHtml(password)}</code></td></tr>`).join('\n')
  const described = failed ? ' aria-invalid="true" aria-describedby="error"' : ''
  return renderPage('Sign in · stand-in for Okta', `
<div class="mark" aria-hidden="true"></div>
<h1>Sign in</h1>
<p class="quiet">This page stands in for Okta. It is part of the sandbox and protects nothing.</p>
${error}
<form method="post">
<label for="username">Username</label>
<input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required value="${escapeHtml(failed?.username ?? '')}"${failed ? described : ' autofocus'}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${failed ? ' autofocus' : ''}>
<button type="submit">Sign in</button>
</form>
<table>
<caption class="quiet">Users of the sandbox</caption>
<thead><tr><th scope="col">User</th><th scope="col">Username and password</th></tr></thead>
<tbody>${rows}</tbody>
</table>`)
}
