function showEstimates() {}
