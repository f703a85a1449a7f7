import { getItems, openAppSession } from '../vendor/qlik-api.js'
import { hostConfig } from './gateway.js'

/** The app's entry in the tenant's content, with its name; undefined when the user sees no such app. */
export async function findApp (appId) {
  try {
    const { data: { data } } = await getItems({ resourceType: 'app', resourceId: appId }, { hostConfig })
    return data[0]
  } catch (error) {
    // The scopes of the OAuth client may not allow the list: the engine decides then.
    if (error.status === 403) return {}
    throw error
  }
}

/** The first apps that the user sees. */
export async function listApps () {
  const { data: { data } } = await getItems({ resourceType: 'app', limit: 12 }, { hostConfig })
  return data.map(({ name, resourceId }) => ({ name, id: resourceId }))
}

/** The app's sheets in their order, read over the engine's socket that the charts use as well. */
export async function listSheets (appId) {
  const session = openAppSession({ appId, hostConfig })
  try {
    const doc = await session.getDoc()
    const list = await doc.createSessionObject({
      qInfo: { qType: 'SheetList' },
      qAppObjectListDef: { qType: 'sheet', qData: { title: '/qMetaDef/title', rank: '/rank' } }
    })
    const { qAppObjectList: { qItems } } = await list.getLayout()
    await doc.destroySessionObject(list.id)
    return qItems
      .map(({ qInfo: { qId: id }, qMeta, qData }) => ({ id, title: qMeta?.title || qData?.title || id, rank: Number(qData?.rank ?? 0) }))
      .sort((one, other) => one.rank - other.rank)
  } catch (cause) {
    throw new Error('The app could not be opened. Check its id and whether it is shared with you.', { cause })
  } finally {
    session.close().catch(console.error)
  }
}
