import { isSafeMethod } from '../admission/origin.js'
import type { Rule } from './access.js'

/** Methods that read (RFC 9110, section 9.2.1), TRACE aside. */
export const readOnly: Rule = ({ method }) => isSafeMethod(method) ? 'allow' : 'GW-POLICY-READ-ONLY'
