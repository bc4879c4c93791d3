#include <sqlite3.h>
#include <sys/vfs.h>

/* sqlite3_db_config takes variable arguments, which Swift can't call. */
static inline int parley_sqlite3_no_checkpoint_on_close(sqlite3 *db) {
  return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/* Whether a file lies on NFS or a kind of SMB, by the numbers of statfs(2), which Swift does not import. */
static inline int parley_is_on_network(const char *path) {
  struct statfs system;
  if (statfs(path, &system) != 0) return 0;
  switch ((unsigned int)system.f_type) {
    case 0x6969: case 0x517B: case 0xFF534D42: case 0xFE534D42: return 1;
    default: return 0;
  }
}
