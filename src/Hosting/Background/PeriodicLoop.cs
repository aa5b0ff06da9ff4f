using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthIndex.Hosting.Background;

/// <summary>A background loop whose rounds do one thing, a fixed time apart.</summary>
/// <param name="name">The loop's name in readiness, metrics and the log.</param>
/// <param name="every">How long after the start, and after each round, the next one is due.</param>
/// <param name="round">One round. It may throw anything.</param>
/// <param name="loops">Where failures are reported.</param>
public sealed class PeriodicLoop(string name, TimeSpan every, Action round, BackgroundLoops loops) : BackgroundLoop(name, loops)
{
    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(every, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken)
    {
        round();
        return Task.CompletedTask;
    }
}

/// <summary>Registers periodic loops.</summary>
public static class PeriodicLoopRegistration
{
    /// <summary>Adds a loop. Not by AddHostedService, which takes only the first of several services of one type.</summary>
    public static IServiceCollection AddPeriodicLoop(
        this IServiceCollection services, string name, TimeSpan every, Func<IServiceProvider, Action> round) =>
        services.AddSingleton<IHostedService>(s => new PeriodicLoop(name, every, round(s), s.GetRequiredService<BackgroundLoops>()));
}
