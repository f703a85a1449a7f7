// The page named by data-redirect-uri in the browser's own OAuth flow asks for this module and nothing more: @qlik/api's auth
// module takes code and state from the address and goes back to the page that started, as soon as it is loaded.
import 'runtime:auth'
