/** Texts of the node pages. */
export const node = {
  'node.title': 'Node',
} as const;
