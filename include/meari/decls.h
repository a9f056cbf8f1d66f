/* SPDX-License-Identifier: MIT */
/*
 * decls.h - what surrounds the declarations of every public header
 *
 * The library is built with hidden visibility; what stands between
 * MEARI_BEGIN_DECLS and MEARI_END_DECLS is exported, and may be called from
 * C++ too.
 */
#ifndef MEARI_DECLS_H
#define MEARI_DECLS_H

#ifdef __cplusplus
#define MEARI_EXTERN_C_BEGIN extern "C" {
#define MEARI_EXTERN_C_END }
#else
#define MEARI_EXTERN_C_BEGIN
#define MEARI_EXTERN_C_END
#endif

#define MEARI_BEGIN_DECLS \
	_Pragma("GCC visibility push(default)") MEARI_EXTERN_C_BEGIN
#define MEARI_END_DECLS MEARI_EXTERN_C_END _Pragma("GCC visibility pop")

#endif
