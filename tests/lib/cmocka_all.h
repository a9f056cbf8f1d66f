/* SPDX-License-Identifier: MIT */
/* cmocka_all.h - cmocka with the headers it wants before itself */
#ifndef LIB_CMOCKA_ALL_H
#define LIB_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
