import { identities } from '../identities.js'
import { escapeHtml, renderPage } from './page.js'

/** The login page of the Okta stand-in. It shows the passwords, because they protect nothing. */
export function renderLoginPage (failed?: { username: string }): string {
  const error = failed ? '<p class="error" role="alert" id="error">Unable to sign in: name or password is wrong. Try again.</p>' : ''
  const users = identities
    .map(
      ({ name, email, password, groups }) => `<li>${escapeHtml(name)} <span class="quiet">(${escapeHtml(groups.join(', '))})</span><br>
<code>${escapeHtml(email)}</code> with <code>${escapeHtml(password)}</code></li>`).join('\n')
  const described = failed ? ' aria-invalid="true" aria-describedby="error"' : ''
  return renderPage('Sign in · stand-in for Okta', `
<div class="mark" aria-hidden="true"></div>
<h1>Sign in</h1>
<p class="quiet">This page stands in for Okta. It is part of the sandbox and protects nothing.</p>
${error}
<form method="post">
<label for="username">Username</label>
<input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required
  value="${escapeHtml(failed?.username ?? '')}"${failed ? described : ' autofocus'}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${failed ? ' autofocus' : ''}>
<button type="submit">Sign in</button>
</form>
<h2>Users and their passwords</h2>
<ul>${users}</ul>`)
}
