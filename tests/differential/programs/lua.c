/* A command line for Lua: the crate has none. Runs the scripts that are its arguments. */
#include <stdio.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

int main(int argc, char **argv) {
  lua_State *state = luaL_newstate();
  luaL_openlibs(state);
  for (int i = 1; i < argc; i++) {
    if (luaL_dostring(state, argv[i]) != LUA_OK) {
      fprintf(stderr, "%s\n", lua_tostring(state, -1));
      return 1;
    }
  }
  lua_close(state);
  return 0;
}
