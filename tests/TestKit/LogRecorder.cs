using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>Keeps what a server logs.</summary>
internal sealed class LogRecorder : ILoggerProvider
{
    private readonly ConcurrentQueue<string> lines = new();

    /// <summary>The lines, as "Level message".</summary>
    public IReadOnlyList<string> Lines => [.. lines];

    /// <summary>Everything in one text.</summary>
    public string Text => string.Join("\n", Lines);

    public ILogger CreateLogger(string categoryName) => new Recorder(lines);

    /// <summary>A logger of its own, for a type that is tested without a server.</summary>
    public ILogger<T> For<T>() =>
        LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(this)).CreateLogger<T>();

    public void Dispose()
    {
    }

    private sealed class Recorder(ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {formatter(state, exception)}{(exception is null ? "" : " " + exception)}");
    }
}
