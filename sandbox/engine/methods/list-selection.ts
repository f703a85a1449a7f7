import { EngineError, ErrorCode } from '../error.js'
import type { ValueState } from '../associations/inference.js'
import type { JsonObject } from '../json.js'
import type { List } from '../layout/list.js'
import type { Method, Methods, ObjectCall } from './method.js'
import type { Field } from '../associations/model.js'
import { readList } from '../layout/object-data.js'
import { toggleElements } from '../associations/selection-state.js'

/** The methods that select in a list object, or search it. */
export const listSelectionMethods: Methods<ObjectCall['target']> = {
  SelectListObjectValues: selecting(['qPath', 'qValues', 'qToggleMode', 'qSoftLock'], (call, field) =>
    maybeToggle(call, field, call.args.numbers('qValues'))
  ),
  SelectListObjectAll: selecting(['qPath', 'qSoftLock'], (_call, field) => [...field.values.keys()]),
  SelectListObjectPossible: selecting(['qPath', 'qSoftLock'], (call, field) => findStates(call, field, ['S', 'O'])),
  SelectListObjectAlternative: selecting(['qPath', 'qSoftLock'], (call, field) => findStates(call, field, ['A'])),
  SelectListObjectExcluded: selecting(['qPath', 'qSoftLock'], (call, field) => findStates(call, field, ['A', 'X'])),
  AcceptListObjectSearch: {
    parameters: ['qPath', 'qToggleMode', 'qSoftLock'],
    run: call => {
      const result = select(call, (field, list) => maybeToggle(call, field, list.elements))
      setSearch(call, '')
      return result
    }
  },
  SearchListObjectFor: { parameters: ['qPath', 'qMatch'], run: call => setSearch(call, call.args.text('qMatch')) },
  AbortListObjectSearch: { parameters: ['qPath'], run: call => setSearch(call, '') }
}

function selecting (parameters: string[], choose: (call: ObjectCall, field: Field) => Iterable<number>): Method<ObjectCall['target']> {
  return { parameters, run: call => select(call, field => choose(call, field)) }
}

function select (call: ObjectCall, choose: (field: Field, list: List) => Iterable<number>): JsonObject {
  const { session, target, args } = call
  session.requireSelectable(target.object)
  const list = readList(session, target.object, args.text('qPath'))
  const { field } = list.dimension
  if (field === undefined) {
    throw new EngineError(ErrorCode.INVALID_DEFINITION, args.text('qPath'), 'Nothing can be selected: the list has no valid field.')
  }
  const elements = [...choose(field, list)].filter(element => element in field.values)
  const qSuccess = session.selections.select(field, elements)
  session.markDataChanged()
  return { qSuccess }
}

function maybeToggle ({ session, args }: ObjectCall, field: Field, elements: number[]): Iterable<number> {
  return args.flag('qToggleMode') ? toggleElements(session.selections.state, field.name, elements) : elements
}

function findStates ({ session }: ObjectCall, field: Field, states: ValueState[]): number[] {
  return [...field.values.keys()].filter(element => states.includes(session.selections.inference.stateOf(field, element)))
}

// Reading the path first reports an error if there is no list.
function setSearch ({ session, target, args }: ObjectCall, search: string): JsonObject {
  const path = args.text('qPath')
  readList(session, target.object, path)
  target.object.searches.set(path, search)
  session.markChanged(target.object)
  return { qSuccess: true }
}
