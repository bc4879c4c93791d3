/* The commit that this binary was built from; empty where that is not known. */
const char *parley_build_commit(void);
