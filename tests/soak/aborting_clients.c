/*
 * Connects, sends a part of a request or a whole one, and resets the connection at once.
 *
 *     aborting-clients PORT COUNT
 *
 * Prints how many connections were made; a server that does not accept in time ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char *const BEGINNINGS[] = {
    "",
    "GET / HTTP",
    "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
    "GET /streamed HTTP/1.1\r\nHost: test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: test\r\n\r\nGET /streamed HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf",
    "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhel",
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
};

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT COUNT\n", argv[0]);
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    const struct timeval patience = {.tv_sec = 10};
    const long count = atol(argv[2]);
    for (long number = 0; number < count; number++) {
        const int connection = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0) {
            fprintf(stderr, "connection %ld: %s\n", number, strerror(errno));
            return 1;
        }
        const char *const text = BEGINNINGS[number % (sizeof BEGINNINGS / sizeof *BEGINNINGS)];
        if (send(connection, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != ECONNRESET && errno != EPIPE) {
            fprintf(stderr, "connection %ld: %s\n", number, strerror(errno));
            return 1;
        }
        close(connection);
    }
    printf("%ld\n", count);
    return 0;
}
