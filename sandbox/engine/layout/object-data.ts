import { computeCube, type Cube } from './cube.js'
import { completeHyperCube, completeListObject, type DimensionDefinition } from './definition.js'
import { EngineError, ErrorCode } from '../error.js'
import { effectiveProperties, type GenericObject } from '../generic-object.js'
import type { Inference } from '../associations/inference.js'
import { isObject, readPointer, type JsonObject } from '../json.js'
import { resolveDimension, type FindItem } from './library.js'
import { computeList, type List } from './list.js'
import type { Field } from '../associations/model.js'
import type { Session } from '../session.js'

/** Computes the hypercube that an object defines at `path`, such as `/qHyperCubeDef`. */
export function readCube (session: Session, object: GenericObject, path: string): Cube {
  const definition = completeHyperCube(readDefinition(object, path, 'qHyperCubeDef'))
  return computeCube(session.model, findItemIn(session), definition, inferShown(session, object, definition.qDimensions))
}

/** Computes the list that an object defines at `path`, such as `/qListObjectDef`. */
export function readList (session: Session, object: GenericObject, path: string): List {
  const definition = completeListObject(readDefinition(object, path, 'qListObjectDef'))
  return computeList(
    session.model,
    findItemIn(session),
    definition,
    inferShown(session, object, [definition]),
    object.searches.get(path) ?? ''
  )
}

/** Lists the fields of the dimensions that an object defines at `path`, with undefined where there is none. */
export function readFields (session: Session, object: GenericObject, path: string): (Field | undefined)[] {
  const dimensions = path.endsWith('/qListObjectDef')
    ? [completeListObject(readDefinition(object, path, 'qListObjectDef'))]
    : completeHyperCube(readDefinition(object, path, 'qHyperCubeDef')).qDimensions
  return dimensions.map(dimension => resolveDimension(session.model, findItemIn(session), dimension).field)
}

/** Returns the function that finds master items among a session's objects. */
export function findItemIn (session: Session): FindItem {
  return id => session.objects.find(id)?.properties
}

function readDefinition (object: GenericObject, path: string, name: string): JsonObject {
  const definition = readPointer(effectiveProperties(object), path)
  if (!path.endsWith(`/${name}`) || !isObject(definition)) {
    throw new EngineError(ErrorCode.INVALID_PATH, path, `Invalid path: the object ${object.id} has no ${name} at ${path}.`)
  }
  return definition
}

// In a modal selection an object still shows all its rows, so that users can add to their selection.
function inferShown (session: Session, object: GenericObject, dimensions: DimensionDefinition[]): Inference {
  if (session.modalObject !== object) return session.selections.inference
  const fields = dimensions.map(dimension => resolveDimension(session.model, findItemIn(session), dimension).field?.name ?? '')
  return session.selections.inferModal(fields)
}
