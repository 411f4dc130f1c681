/** Texts of the explorer pages. */
export const explorer = {
  'explorer.title': 'Explorer',
} as const;
