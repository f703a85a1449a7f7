/** The calls that Qlik's clients make before they show anything: the user, the tenant, its licence and features. */
export const bootCalls: readonly string[] = [
  'GET /api/v1/boot/core-init', 'GET /api/v1/features', 'GET /api/v1/user-locale', 'GET /api/v1/users/me',
  // `users/me` redirects here.
  'GET /api/v1/users/:id',
  'GET /api/v1/tenants/me', 'GET /api/v1/licenses/status', 'GET /api/v1/licenses/number', 'GET /api/v1/licenses/allotments/me',
  'GET /api/v1/user-settings', 'GET /api/v1/tenant-settings', 'GET /api/v1/ui-config', 'GET /api/v1/claims/me', 'GET /api/v1/brands/active'
]

/** The calls that they make besides for charts, sheets, selections and exports. */
export const embedCalls: readonly string[] = [
  'GET /api/v1/apps/:id', 'GET /api/v1/apps/:id/data/metadata',
  'GET /api/v1/apps/:id/media/files/*', 'GET /api/v1/apps/:id/media/thumbnail',
  'GET /api/v1/items', 'GET /api/v1/items/:id', 'GET /api/v1/spaces', 'GET /api/v1/spaces/:id',
  'GET /api/v1/themes', 'GET /api/v1/themes/*', 'GET /api/v1/extensions', 'GET /api/v1/extensions/*',
  'POST /api/v1/reports', 'GET /api/v1/reports/:id/status', 'GET /api/v1/reports/:id/outputs',
  'GET /api/v1/temp-contents/:id', 'GET /api/v1/temp-contents/:id/details'
]
