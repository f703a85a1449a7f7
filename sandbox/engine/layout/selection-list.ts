import { writeNumber } from './cell.js'
import { countStates } from '../associations/inference.js'
import type { Session } from '../session.js'

// With more values than this, the selections bar shows only their number.
const LISTED_VALUES = 6

/** Describes the selections of a session under the names of `qSelectionObject`. */
export function describeSelections (session: Session): object {
  const { model, selections } = session
  const qSelections = [...selections.state].flatMap(([name, { elements, isLocked }], index) => {
    const field = model.fields.get(name)
    if (field === undefined) return []
    const values = [...elements].sort((a, b) => a - b).flatMap(element => field.values[element] ?? [])
    const counts = countStates(selections.inference, field)
    return [
      {
        qField: name,
        qReadableName: name,
        qTotal: field.values.length,
        qSelectedCount: values.length,
        qSelected: values.length > LISTED_VALUES ? `${values.length} of ${field.values.length}` : values.map(({ text }) => text).join(', '),
        qSelectedFieldSelectionInfo: values.map(({ text, number }) => ({
          qName: text,
          qIsNum: !Number.isNaN(number),
          qNumber: writeNumber(number)
        })),
        qSelectionThreshold: LISTED_VALUES,
        qStateCounts: counts,
        qIsNum: field.isNumeric,
        qLocked: isLocked,
        qOneAndOnlyOne: false,
        qIsHidden: false,
        qTextSearch: '',
        qRangeInfo: [],
        qSortIndex: index
      }
    ]
  })
  return { qBackCount: selections.backCount, qForwardCount: selections.forwardCount, qSelections }
}
