const text = '#303b43'
const quiet = '#5c6972'
const line = '#e3e7ea'
const font = '"Source Sans Pro", "Segoe UI", system-ui, -apple-system, Roboto, Arial, sans-serif'

/** A light theme for stardust and the charts, with colours that can be told apart with colour blindness. */
export const lightTheme = {
  type: 'light',
  fontFamily: font,
  color: text,
  backgroundColor: 'transparent',
  palettes: {
    data: [
      {
        key: 'sandbox',
        type: 'row',
        name: 'Sandbox',
        scale: [
          '#2f6fb3', '#e28a2b', '#3a9a7f', '#c4506b', '#7a62b8', '#d9b72e', '#4fb0c6', '#8a5a3c', '#6d8b3a', '#9aa5b1',
          '#b0579a', '#37527a'
        ]
      }
    ],
    ui: [{ key: 'sandbox', name: 'Sandbox', colors: ['#2f6fb3', '#3a9a7f', '#e28a2b', '#c4506b', '#303b43', '#9aa5b1'] }]
  },
  dataColors: { primaryColor: '#2f6fb3', nullColor: '#c7cdd2', othersColor: '#9aa5b1' },
  object: {
    title: {
      main: { fontSize: '15px', color: text, fontFamily: font, fontWeight: '600' },
      subTitle: { fontSize: '12px', color: quiet },
      footer: { fontSize: '12px', color: quiet }
    },
    axis: {
      title: { fontSize: '12px', color: quiet, fontFamily: font },
      label: { name: { fontSize: '12px', color: quiet, fontFamily: font } },
      line: { major: { color: line }, minor: { color: line } }
    },
    grid: { line: { major: { color: line }, minor: { color: '#f0f2f4' }, highContrast: { color: '#c7cdd2' } } },
    label: { name: { fontSize: '12px', color: quiet, fontFamily: font }, value: { fontSize: '12px', color: text, fontFamily: font } },
    legend: { title: { fontSize: '13px', color: quiet }, label: { fontSize: '12px', color: quiet } }
  }
}
