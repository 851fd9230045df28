/* A command line for SQLite: the crate has none. Runs the statements that are its arguments, in memory. */
#include <stdio.h>

#include "sqlite3.h"

static int print_row(void *unused, int count, char **values, char **names) {
  (void)unused;
  for (int i = 0; i < count; i++) printf("%s%s=%s", i ? "|" : "", names[i], values[i] ? values[i] : "NULL");
  putchar('\n');
  return 0;
}

int main(int argc, char **argv) {
  sqlite3 *database;
  char *error = NULL;
  if (sqlite3_open(":memory:", &database) != SQLITE_OK) return 2;
  for (int i = 1; i < argc; i++) {
    if (sqlite3_exec(database, argv[i], print_row, NULL, &error) != SQLITE_OK) {
      fprintf(stderr, "%s\n", error);
      return 1;
    }
  }
  return sqlite3_close(database);
}
