/* The commit that this binary was built from; empty where that is not known. */
const char *parley_build_commit(void);

/* Makes big pieces of memory go back to the system as soon as they are free. By itself the C library learns from the biggest that was
   freed and keeps pieces of that size for ever. */
void parley_return_memory(void);
