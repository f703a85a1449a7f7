import type { App } from '../../data/app.js'
import type { JsonObject } from '../json.js'

/** How numbers and dates are written in the sandbox's apps. */
export const LOCALE_INFO: JsonObject = {
  qDecimalSep: '.',
  qThousandSep: ',',
  qListSep: ',',
  qMoneyDecimalSep: '.',
  qMoneyThousandSep: ',',
  qCurrentYear: 2025,
  qMoneyFmt: '$#,##0.00;-$#,##0.00',
  qTimeFmt: 'h:mm:ss TT',
  qDateFmt: 'YYYY-MM-DD',
  qTimestampFmt: 'YYYY-MM-DD h:mm:ss[.fff] TT',
  qCalendarStrings: {
    qDayNames: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
    qMonthNames: ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
    qLongDayNames: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
    qLongMonthNames: [
      'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November',
      'December'
    ]
  },
  qFirstWeekDay: 0,
  qBrokenWeeks: false,
  qReferenceDay: 4,
  qFirstMonthOfYear: 1,
  qCollation: 'en-US',
  qNumericalAbbreviation: '3:k;6:M;9:G;12:T;15:P;18:E;21:Z;24:Y;-3:m;-6:μ;-9:n;-12:p;-15:f;-18:a;-21:z;-24:y'
}

/** Describes an app as its layout shows it. */
export function describeApp ({ id, name, description }: App): JsonObject {
  return {
    qTitle: name,
    qFileName: id,
    // The data is part of the source code and is never reloaded.
    qLastReloadTime: '2026-01-01T00:00:00.000Z',
    qModified: false,
    qHasScript: false,
    qHasData: true,
    qMeta: { name, description, privileges: ['read'] },
    qLocaleInfo: LOCALE_INFO,
    qStateNames: [],
    qThumbnail: {},
    qReadOnly: true,
    description
  }
}
