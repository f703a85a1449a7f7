/** Escapes text for HTML. */
export function escapeHtml (text: string): string {
  return text.replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`)
}

const style = `
:root { color-scheme: light; --accent: #0b5cad; --ink: #1d2129; --quiet: #5a6272 }
* { box-sizing: border-box }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: #eef1f5;
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
}
main {
  width: min(27rem, 100%); background: #fff; border: 1px solid #d5dae3; border-radius: .75rem; padding: 1.75rem 2rem;
  box-shadow: 0 .5rem 2rem rgb(20 30 60 / 8%);
}
h1 { margin: 0 0 .25rem; font-size: 1.4rem }
p { margin: 0 0 1rem }
.mark { width: 2.5rem; height: 2.5rem; margin: 0 0 .75rem; border-radius: 50%; border: .45rem solid var(--accent) }
.quiet { color: var(--quiet); font-size: .9rem }
.error { background: #fdecec; border-left: .25rem solid #b3261e; padding: .6rem .8rem; color: #7c1711 }
label { display: block; font-weight: 600; margin-bottom: .25rem }
input { width: 100%; font: inherit; padding: .55rem .7rem; border: 1px solid #8b94a5; border-radius: .4rem; margin-bottom: 1rem }
button {
  font: inherit; font-weight: 600; width: 100%; padding: .6rem 1rem; border: 1px solid var(--accent);
  border-radius: .4rem; background: var(--accent); color: #fff; cursor: pointer; margin-bottom: .75rem;
}
button.second { background: #fff; color: var(--accent) }
:focus-visible { outline: 3px solid #f2a900; outline-offset: 2px }
h2 { margin: .75rem 0 .5rem; font-size: 1rem }
li { margin-bottom: .4rem }
code { font-family: ui-monospace, monospace }
ul { margin: 0 0 .5rem; padding-left: 1.2rem }
`

/** A page of the sandbox without scripts and external resources. `content` is HTML. */
export function renderPage (title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body><main>${content}</main></body>
</html>
`
}
