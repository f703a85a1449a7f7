import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A Java program before the gateway: the HttpClient of the JDK in the version that the first argument names.
 * It takes ORIGIN, COOKIE and APP from the environment and prints what it met as one JSON object.
 */
public class Client {
  static final String origin = System.getenv("ORIGIN");
  static final String app = System.getenv("APP");
  static final String file = "/api/v1/apps/" + app + "/media/files/java.bin";
  static final Duration timeout = Duration.ofMinutes(1);
  static HttpClient client;

  public static void main(String[] arguments) throws Exception {
    client = HttpClient.newBuilder().version(Version.valueOf(arguments[0])).followRedirects(Redirect.NORMAL).connectTimeout(timeout).build();
    byte[] content = new byte[24 << 20];
    new Random().nextBytes(content);
    System.out.println("{\"get\":" + get() +
      ",\"put\":" + put(content, BodyPublishers.ofByteArray(content)) +
      ",\"range\":" + part(content) +
      ",\"chunked\":" + put(content, BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(content))) +
      ",\"socket\":" + socket() + "}");
  }

  static String get() throws Exception {
    HttpResponse<String> answer = client.send(ask("/api/v1/users/me").build(), BodyHandlers.ofString());
    return "{\"status\":" + answer.statusCode() + ",\"url\":\"" + answer.uri() + "\",\"user\":" + answer.body() + "}";
  }

  static String put(byte[] content, BodyPublisher body) throws Exception {
    int status = client.send(ask(file).PUT(body).build(), BodyHandlers.discarding()).statusCode();
    byte[] back = client.send(ask(file).build(), BodyHandlers.ofByteArray()).body();
    return "{\"status\":" + status + ",\"same\":" + Arrays.equals(back, content) + "}";
  }

  static String part(byte[] content) throws Exception {
    HttpResponse<byte[]> answer = client.send(ask(file).header("Range", "bytes=1000000-1000999").build(), BodyHandlers.ofByteArray());
    return "{\"status\":" + answer.statusCode() + ",\"range\":\"" + answer.headers().firstValue("content-range").orElse("") +
      "\",\"same\":" + Arrays.equals(answer.body(), Arrays.copyOfRange(content, 1000000, 1001000)) + "}";
  }

  static String socket() throws Exception {
    BlockingQueue<String> messages = new LinkedBlockingQueue<>();
    StringBuilder message = new StringBuilder();
    WebSocket engine = client.newWebSocketBuilder().header("Cookie", System.getenv("COOKIE")).header("Origin", origin).connectTimeout(timeout)
      .buildAsync(URI.create(origin.replaceFirst("http", "ws") + "/app/" + app), new WebSocket.Listener() {
        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
          message.append(data);
          if (last) {
            messages.add(message.toString());
            message.setLength(0);
          }
          socket.request(1);
          return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
          messages.add(String.valueOf(code));
          return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
          messages.add("\"" + error + "\"");
        }
      }).get(1, TimeUnit.MINUTES);
    String first = messages.poll(1, TimeUnit.MINUTES);
    String padding = "x".repeat(100_000);
    engine.sendText("{\"jsonrpc\":\"2.0\",\"id\":1,\"handle\":-1,\"method\":\"GetDocList\",\"params\":[],\"padding\":\"" + padding + "\"}", true).get();
    String answer = messages.poll(1, TimeUnit.MINUTES);
    engine.sendClose(WebSocket.NORMAL_CLOSURE, "").get();
    return "{\"first\":" + first + ",\"answer\":" + answer + ",\"code\":" + messages.poll(1, TimeUnit.MINUTES) + "}";
  }

  static HttpRequest.Builder ask(String path) {
    return HttpRequest.newBuilder(URI.create(origin + path)).timeout(timeout).header("Cookie", System.getenv("COOKIE")).header("Origin", origin);
  }
}
