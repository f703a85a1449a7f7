import { isSafeMethod } from '../admission/origin.js'
import type { Rule } from './access.js'

/** Allows only methods that read (RFC 9110, section 9.2.1, without TRACE). */
export const readOnly: Rule = ({ method }) => isSafeMethod(method) ? 'allow' : 'GW-POLICY-READ-ONLY'
