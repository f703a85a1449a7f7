import type { Cube, CubeRow } from '../layout/cube.js'
import { EngineError, ErrorCode } from '../error.js'
import { isObject, type JsonObject } from '../json.js'
import type { Methods, ObjectCall } from './method.js'
import type { Field } from '../associations/model.js'
import { readCube } from '../layout/object-data.js'
import { toggleElements } from '../associations/selection-state.js'

/** The methods that select in a hypercube. */
export const cubeSelectionMethods: Methods<ObjectCall['target']> = {
  SelectHyperCubeValues: { parameters: ['qPath', 'qDimNo', 'qValues', 'qToggleMode'], run: selectValues },
  SelectHyperCubeCells: { parameters: ['qPath', 'qRowIndices', 'qColIndices', 'qSoftLock', 'qDeselectOnlyOneSelected'], run: selectCells },
  RangeSelectHyperCubeValues: {
    parameters: ['qPath', 'qRanges', 'qColumnsToSelect', 'qOrMode', 'qDeselectOnlyOneSelected'],
    run: selectByMeasure
  },
  SelectHyperCubeContinuousRange: { parameters: ['qPath', 'qRanges', 'qSoftLock'], run: selectByNumber }
}

function selectValues (call: ObjectCall): JsonObject {
  const { session, args } = call
  const number = args.number('qDimNo')
  const field = requireField(readCubeOf(call), number)
  const values = args.numbers('qValues').filter(element => element in field.values)
  const elements = args.flag('qToggleMode') ? toggleElements(session.selections.state, field.name, values) : values
  return select(call, [[field, elements]])
}

function selectCells (call: ObjectCall): JsonObject {
  const cube = readCubeOf(call)
  const rows = call.args.numbers('qRowIndices').flatMap(index => cube.rows[index] ?? [])
  // These column numbers are those of the dimensions, independent of qColumnOrder.
  const columns = call.args.numbers('qColIndices').filter(column => column in cube.dimensions)
  return select(call, columns.map(column => pick(cube, column, rows)))
}

/** Selects the dimension values of rows whose measures are within the ranges: all of them, or any with `qOrMode`. */
function selectByMeasure (call: ObjectCall): JsonObject {
  const cube = readCubeOf(call)
  const ranges = call.args.objects('qRanges')
  const isWithin = (row: CubeRow, range: JsonObject): boolean => {
    const result = row.results[Number(range.qMeasureIx)]
    return typeof result === 'number' && contains(range.qRange, result)
  }
  const isOr = call.args.flag('qOrMode')
  const rows = cube.rows.filter(row => isOr ? ranges.some(range => isWithin(row, range)) : ranges.every(range => isWithin(row, range)))
  const asked = call.args.numbers('qColumnsToSelect').filter(column => column in cube.dimensions)
  const columns = asked.length > 0 ? asked : [...cube.dimensions.keys()]
  return select(call, columns.map(column => pick(cube, column, rows)))
}

/** Selects the dimension values whose numbers are within the ranges. */
function selectByNumber (call: ObjectCall): JsonObject {
  const cube = readCubeOf(call)
  return select(call, call.args.objects('qRanges').map(range => {
    const field = requireField(cube, Number(range.qDimIx))
    return [field, [...field.values.keys()].filter(element => contains(range.qRange, field.values[element]?.number ?? NaN))]
  }))
}

function readCubeOf ({ session, target, args }: ObjectCall): Cube {
  session.requireSelectable(target.object)
  return readCube(session, target.object, args.text('qPath'))
}

function select ({ session }: ObjectCall, choices: [field: Field, elements: Iterable<number>][]): JsonObject {
  const qSuccess = choices.map(([field, elements]) => session.selections.select(field, elements)).every(Boolean)
  session.markDataChanged()
  return { qSuccess }
}

function pick (cube: Cube, column: number, rows: CubeRow[]): [Field, number[]] {
  return [requireField(cube, column), rows.map(row => row.elements[column] ?? -1).filter(element => element >= 0)]
}

function requireField (cube: Cube, column: number): Field {
  const field = cube.dimensions[column]?.field
  if (field === undefined) {
    throw new EngineError(
      ErrorCode.INVALID_PARAMETERS,
      String(column),
      `Invalid method parameter(s): the hypercube has no valid dimension ${column}.`
    )
  }
  return field
}

function contains (range: unknown, number: number): boolean {
  if (!isObject(range)) return false
  const { qMin, qMax, qMinInclEq, qMaxInclEq } = range
  const isAbove = typeof qMin !== 'number' || number > qMin || (qMinInclEq === true && number === qMin)
  const isBelow = typeof qMax !== 'number' || number < qMax || (qMaxInclEq === true && number === qMax)
  return !Number.isNaN(number) && isAbove && isBelow
}
