using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Clinker.Tests;

/// <summary>What is logged by a category of ours, as lines: level and words.</summary>
sealed class LogLines : ILoggerFactory, ILogger
{
    public ConcurrentQueue<string> All { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel)) All.Enqueue($"{logLevel} {formatter(state, exception)}{exception}");
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
