import type { Table } from './app.js'
import { describeDay } from './calendar.js'
import { createSequence, itemAt } from './sequence.js'
import { countries, territories } from './territories.js'

const TICKETS = 640

const PRIORITIES = [
  { text: 'Low', number: 1, hours: 72 },
  { text: 'Normal', number: 2, hours: 40 },
  { text: 'High', number: 3, hours: 16 },
  { text: 'Urgent', number: 4, hours: 6 }
]
const CHANNELS = ['Email', 'Chat', 'Phone']
const AGENTS: [agent: string, team: string][] = [
  ['Amara', 'Returns'], ['Bruno', 'Returns'], ['Chiara', 'Delivery'], ['Dmitri', 'Delivery'],
  ['Esther', 'Payments'], ['Farid', 'Payments'], ['Grace', 'Products'], ['Hiro', 'Products']
]

function listAgents (): Table {
  return {
    name: 'Agents',
    fields: ['AgentId', 'Agent', 'Team'],
    rows: AGENTS.map(([agent, team], index) => [`A${index + 1}`, agent, team])
  }
}

function listTickets (): Table {
  const pick = createSequence(7)
  const rows = Array.from({ length: TICKETS }, (_, index) => {
    const day = describeDay(2025, pick(365))
    const { text, number, hours } = itemAt(PRIORITIES, Math.floor(Math.sqrt(pick(16))))
    const isOpen = pick(8) === 0
    return [
      5000 + index, day.date, day.month,
      { text, number }, itemAt(CHANNELS, pick(CHANNELS.length)), isOpen ? 'Open' : 'Closed',
      `A${1 + pick(AGENTS.length)}`, itemAt(countries, pick(countries.length)),
      isOpen ? null : 1 + pick(hours * 2), isOpen ? null : 1 + Math.floor(Math.sqrt(pick(25)))
    ]
  })
  return {
    name: 'Tickets',
    fields: ['TicketId', 'Opened', 'Month', 'Priority', 'Channel', 'Status', 'AgentId', 'Country', 'Resolution Hours', 'Satisfaction'],
    rows
  }
}

/** The tables of the support app: tickets, linked to agents and to territories. */
export const supportTables: Table[] = [listTickets(), listAgents(), territories]
