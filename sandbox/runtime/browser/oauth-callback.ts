// In the browser's own OAuth flow, the page at data-redirect-uri loads only this module. When it is loaded, @qlik/api's
// auth module reads code and state from the URL and returns to the page where the login began.
import 'runtime:auth'
