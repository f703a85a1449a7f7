import type { Table } from './app.js'

/**
 * The region of each country and the area of each region. Section access depends on the areas: a member of the group
 * EMEA sees the countries of EMEA. Nobody in the sandbox belongs to Asia-Pacific.
 */
export const territories: Table = {
  name: 'Territories',
  fields: ['Country', 'Region', 'Area'],
  rows: [
    ['Sweden', 'Nordics', 'EMEA'],
    ['Norway', 'Nordics', 'EMEA'],
    ['Denmark', 'Nordics', 'EMEA'],
    ['Germany', 'DACH', 'EMEA'],
    ['Austria', 'DACH', 'EMEA'],
    ['Switzerland', 'DACH', 'EMEA'],
    ['Spain', 'Southern Europe', 'EMEA'],
    ['Italy', 'Southern Europe', 'EMEA'],
    ['Portugal', 'Southern Europe', 'EMEA'],
    ['South Africa', 'Middle East & Africa', 'EMEA'],
    ['United Arab Emirates', 'Middle East & Africa', 'EMEA'],
    ['United States', 'United States', 'Americas'],
    ['Canada', 'Canada', 'Americas'],
    ['Mexico', 'Central America', 'Americas'],
    ['Costa Rica', 'Central America', 'Americas'],
    ['Brazil', 'South America', 'Americas'],
    ['Argentina', 'South America', 'Americas'],
    ['Chile', 'South America', 'Americas'],
    ['Japan', 'East Asia', 'Asia-Pacific'],
    ['Australia', 'Oceania', 'Asia-Pacific']
  ]
}

/** The names of all countries. */
export const countries = territories.rows.map(([country]) => country as string)
