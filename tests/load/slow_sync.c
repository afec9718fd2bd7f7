/* Makes every sync of a file take 3.5 ms longer, as a slow disk does: loaded before a program by slow-disk.sh. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static int slowly(const char *name, int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  struct timespec delay = {0, 3500000};
  int result = real(file);
  nanosleep(&delay, 0);
  return result;
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
