import { listTags } from './field-description.js'
import type { GenericObject } from '../generic-object.js'
import { isObject, readPointer, type JsonObject } from '../json.js'
import type { Session } from '../session.js'

/** Describes the app's objects of the type a definition asks for: `qData` maps names to JSON pointers into their properties. */
export function describeObjects (session: Session, definition: JsonObject): object {
  const objects = session.objects.list().filter(object => !object.isSessionObject && object.type === definition.qType)
  return { qItems: objects.map(object => describeItem(object, definition)) }
}

/** Describes the master dimensions. */
export function describeDimensions (session: Session, definition: JsonObject): object {
  return describeObjects(session, { ...definition, qType: 'dimension' })
}

/** Describes the master measures. */
export function describeMeasures (session: Session, definition: JsonObject): object {
  return describeObjects(session, { ...definition, qType: 'measure' })
}

/** Describes the children of an object, such as the charts of a sheet. */
export function describeChildren (session: Session, object: GenericObject, definition: JsonObject): object {
  const children = object.childIds.flatMap(id => session.objects.find(id) ?? [])
  return { qItems: children.map(child => describeItem(child, definition)) }
}

/** Describes the fields of the app. */
export function describeFields (session: Session): object {
  const qItems = [...session.model.fields.values()].map(field => ({
    qName: field.name,
    qCardinal: field.values.length,
    qTags: listTags(field),
    qSrcTables: field.tables
  }))
  return { qItems }
}

function describeItem ({ id, type, properties }: GenericObject, { qData }: JsonObject): object {
  const pointers = Object.entries(isObject(qData) ? qData : {})
  return {
    qInfo: { qId: id, qType: type },
    qMeta: { ...(isObject(properties.qMetaDef) ? properties.qMetaDef : {}), privileges: ['read', 'update', 'delete', 'exportdata'] },
    qData: Object.fromEntries(
      pointers.map(([name, pointer]) => [name, typeof pointer === 'string' ? readPointer(properties, pointer) : undefined])
    )
  }
}
