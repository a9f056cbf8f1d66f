/* SPDX-License-Identifier: MIT */
/* meari.h - the whole library; each header can also be included alone */
#ifndef MEARI_MEARI_H
#define MEARI_MEARI_H

#include <meari/addr.h>
#include <meari/clock.h>
#include <meari/datagram.h>
#include <meari/dial.h>
#include <meari/endpoint.h>
#include <meari/fail.h>
#include <meari/io.h>
#include <meari/listen.h>
#include <meari/reader.h>
#include <meari/sockopt.h>
#include <meari/span.h>
#include <meari/version.h>

#endif
