/** Makes a value when it is first asked for. A gateway may have hundreds of tenants, most of them idle at any time. */
export function lazy<Value> (create: () => Value): () => Value {
  let made: { value: Value } | undefined
  return () => (made ??= { value: create() }).value
}
