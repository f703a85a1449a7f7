import { escapeHtml, renderPage } from './page.js'

/** Asks the user whether an application may act for them. */
export function renderConsentPage (application: string, scopes: string[]): string {
  const list = scopes.map(scope => `<li><code>${escapeHtml(scope)}</code></li>`).join('')
  return renderPage('Allow access · sandbox tenant', `
<h1>Allow access?</h1>
<p><strong>${escapeHtml(application)}</strong> asks to use this sandbox tenant for you, with these scopes:</p>
<ul>${list}</ul>
<form method="post">
<button type="submit" name="decision" value="allow" autofocus>Allow</button>
<button type="submit" name="decision" value="deny" class="second">Deny</button>
</form>`)
}
