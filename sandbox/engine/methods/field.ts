import { NULL_ELEMENT } from '../associations/model.js'
import type { Call, Method, Methods } from './method.js'
import type { ValueState } from '../associations/inference.js'
import type { JsonObject } from '../json.js'
import { matchWhole } from '../associations/search.js'
import { toggleElements, withLock } from '../associations/selection-state.js'
import type { Target } from '../session.js'

type FieldCall = Call<Extract<Target, { type: 'Field' }>>
type FieldMethod = Method<FieldCall['target']>

/** The methods of a field (`Field`). */
export const fieldMethods: Methods<FieldCall['target']> = {
  GetCardinal: { parameters: [], run: ({ target }) => ({ qReturn: target.field.values.length }) },
  GetAndMode: { parameters: [], run: () => ({ qReturn: false }) },
  GetNxProperties: { parameters: [], run: () => ({ qProperties: { qOneAndOnlyOne: false } }) },
  Select: selecting(['qMatch', 'qSoftLock', 'qExcludedValuesMode'], findMatches),
  ToggleSelect: selecting(['qMatch', 'qSoftLock', 'qExcludedValuesMode'], call => toggle(call, findMatches(call))),
  SelectValues: selecting(['qFieldValues', 'qToggleMode', 'qSoftLock'], call => maybeToggle(call, findValues(call))),
  LowLevelSelect: selecting(['qValues', 'qToggleMode', 'qSoftLock'], call =>
    maybeToggle(
      call,
      call.args.numbers('qValues').filter(element => element in call.target.field.values)
    )
  ),
  SelectAll: selecting(['qSoftLock'], ({ target }) => [...target.field.values.keys()]),
  SelectPossible: selecting(['qSoftLock'], call => findStates(call, ['S', 'O'])),
  SelectAlternative: selecting(['qSoftLock'], call => findStates(call, ['A'])),
  SelectExcluded: selecting(['qSoftLock'], call => findStates(call, ['A', 'X'])),
  Clear: selecting([], () => []),
  ClearAllButThis: changing(['qSoftLock'], ({ session: { selections }, target }) => {
    selections.replace(new Map([...selections.state].filter(([name, { isLocked }]) => name === target.field.name || isLocked)))
    return true
  }),
  Lock: changing([], call => lock(call, true)),
  Unlock: changing([], call => lock(call, false))
}

function changing (parameters: string[], change: (call: FieldCall) => boolean): FieldMethod {
  return {
    parameters,
    run: (call): JsonObject => {
      call.session.requireSelectable()
      const qReturn = change(call)
      call.session.markDataChanged()
      return { qReturn }
    }
  }
}

function selecting (parameters: string[], choose: (call: FieldCall) => Iterable<number> | undefined): FieldMethod {
  return changing(parameters, call => {
    const elements = choose(call)
    return elements !== undefined && call.session.selections.select(call.target.field, elements)
  })
}

// If nothing matches, the method reports that and leaves the selection as it is.
function findMatches ({ target, args }: FieldCall): number[] | undefined {
  const match = args.text('qMatch')
  return orNothing([...target.field.values.entries()].filter(([, value]) => matchWhole(value, match)).map(([element]) => element))
}

function findValues ({ target, args }: FieldCall): number[] | undefined {
  const wanted = args.objects('qFieldValues')
  const found = [...target.field.values.entries()].filter(([, { text, number }]) =>
    wanted.some(({ qText, qIsNumeric, qNumber }) => qIsNumeric === true ? number === qNumber : text === qText))
  return orNothing(found.map(([element]) => element))
}

function findStates ({ session, target: { field } }: FieldCall, states: ValueState[]): number[] | undefined {
  return orNothing([...field.values.keys()].filter(element => states.includes(session.selections.inference.stateOf(field, element))))
}

function orNothing (elements: number[]): number[] | undefined {
  return elements.length === 0 ? undefined : elements
}

function maybeToggle (call: FieldCall, elements: number[] | undefined): Iterable<number> | undefined {
  return call.args.flag('qToggleMode') ? toggle(call, elements) : elements
}

function toggle ({ session, target }: FieldCall, elements: number[] | undefined): Iterable<number> | undefined {
  return elements === undefined
    ? undefined
    : toggleElements(
      session.selections.state,
      target.field.name,
      elements.filter(element => element !== NULL_ELEMENT)
    )
}

function lock ({ session: { selections }, target }: FieldCall, isLocked: boolean): boolean {
  if (!selections.state.has(target.field.name)) return false
  selections.replace(withLock(selections.state, [target.field.name], isLocked))
  return true
}
