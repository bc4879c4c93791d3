#include "build.h"

#include <stdlib.h>
#ifdef __linux__
#include <malloc.h>
#endif

#ifndef PARLEY_COMMIT
#define PARLEY_COMMIT ""
#endif

const char *parley_build_commit(void) { return PARLEY_COMMIT; }

void parley_return_memory(void) {
#ifdef M_MMAP_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  /* Setting one ends the learning of the other, and giving back a page of a list after each answer would cost more than the answer. */
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}
