// The client library of PostgreSQL, wherever the system keeps it.
#include <libpq-fe.h>
